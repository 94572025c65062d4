/*
 * Measures what the first write to each page of a new segment costs, in CPU time: as it is, after MADV_POPULATE_WRITE, after
 * MADV_HUGEPAGE, and for a segment that is used again. docs/performance.md says what follows from it.
 *
 *     cc -O2 benches/memory/first-touch.c -o /tmp/first-touch && /tmp/first-touch
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum way { PLAIN, POPULATED, HUGE, REUSED };
static const char *const WAYS[] = {"new", "MADV_POPULATE_WRITE", "MADV_HUGEPAGE", "used again"};
static const size_t SIZES[] = {4096, 1 << 20, 64 << 20};
static const size_t PAGE = 4096;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void check(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static char *create(size_t size, const char *name) {
  int file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  check(file >= 0 && fallocate(file, 0, 0, size) == 0, "the segment");
  char *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check(start != MAP_FAILED, "its mapping");
  close(file);
  return start;
}

static void touch(char *start, size_t size) {
  for (size_t at = 0; at < size; at += PAGE) ((volatile char *)start)[at] = 1;
}

static double pass(enum way way, size_t size, const char *name, char *kept) {
  double begin = now();
  if (way == REUSED) {
    touch(kept, size);
    return now() - begin;
  }
  char *start = create(size, name);
  if (way == POPULATED) check(madvise(start, size, MADV_POPULATE_WRITE) == 0, "MADV_POPULATE_WRITE");
  if (way == HUGE) check(madvise(start, size, MADV_HUGEPAGE) == 0, "MADV_HUGEPAGE");
  touch(start, size);
  munmap(start, size);
  shm_unlink(name);
  return now() - begin;
}

int main(void) {
  char name[64];
  snprintf(name, sizeof name, "/first_touch_%d", (int)getpid());
  for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
    size_t size = SIZES[s];
    char *kept = create(size, name);
    shm_unlink(name);
    touch(kept, size);
    for (enum way way = PLAIN; way <= REUSED; way++) {
      double least = 1e18;
      for (int round = 0; round < (size > 1 << 24 ? 5 : 100); round++) {
        double time = pass(way, size, name, kept);
        if (time < least) least = time;
      }
      printf("%10zu bytes, %-20s %10.1f us\n", size, WAYS[way], least);
    }
    munmap(kept, size);
  }
}
