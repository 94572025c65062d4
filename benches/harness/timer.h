/* How long something takes, by the rules of timer.ts. */
#ifndef TIMER_H
#define TIMER_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Nanoseconds an operation, of which `act` does `count`. */
static inline double timed(void (*act)(void), double count) {
  enum { MOST = 4096 };
  static double batches[MOST];
  double start = now();
  act();
  double elapsed = now() - start;
  if (elapsed > 1e9) return elapsed / count;
  long calls = 1;
  while (elapsed < 40e6) {
    act();
    calls++;
    elapsed = now() - start;
  }
  long size = lround(4e6 * calls / elapsed);
  if (size < 1) size = 1;
  int n = 0;
  for (double total = 0; (total < 80e6 || n < 5) && n < MOST && total < 2e9;) {
    double begin = now();
    for (long i = 0; i < size; i++) act();
    double spent = now() - begin;
    total += spent;
    batches[n++] = spent / (size * count);
  }
  qsort(batches, n, sizeof *batches, by_size);
  return n % 2 ? batches[n / 2] : (batches[n / 2] + batches[n / 2 - 1]) / 2;
}

static inline void check(int condition, const char *what) {
  if (!condition) {
    fprintf(stderr, "the result is wrong: %s\n", what);
    exit(1);
  }
}

/* A name in /dev/shm that nobody else has. */
static inline const char *fresh_name(void) {
  static char name[64];
  static int count;
  snprintf(name, sizeof name, "/bench_%d_%d", (int)getpid(), count++);
  return name;
}

/* A new segment, or one that is there, mapped. */
static inline void *map_segment(const char *name, size_t size, int flags) {
  int fd = shm_open(name, flags, 0600);
  check(fd >= 0, "shm_open");
  if (flags & O_CREAT) check(ftruncate(fd, size) == 0, "ftruncate");
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(at != MAP_FAILED, "mmap");
  close(fd);
  return at;
}
#endif
