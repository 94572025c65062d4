/* Copies numbers into a segment, tells another process its name by a pipe, and waits for its answer. */
#include "timer.h"
#include <sys/wait.h>

static size_t size;
static double *data, wanted;
static int to_reader[2], to_sender[2];

static double sample(const double *values) {
  size_t count = size / sizeof *values;
  double sum = values[count - 1];
  for (size_t i = 0; i < count; i += 512) sum += values[i];
  return sum;
}

static void send_once(void) {
  char name[64] = {0};
  snprintf(name, sizeof name, "%s", fresh_name());
  double *at = map_segment(name, size, O_CREAT | O_EXCL | O_RDWR), sum = 0;
  memcpy(at, data, size);
  check(write(to_reader[1], name, sizeof name) == sizeof name, "the message");
  check(read(to_sender[0], &sum, sizeof sum) == sizeof sum && sum == wanted, "the sample");
  munmap(at, size);
  shm_unlink(name);
}

static void read_all(void) {
  char name[64];
  while (read(to_reader[0], name, sizeof name) == sizeof name) {
    double *at = map_segment(name, size, O_RDWR), sum = sample(at);
    munmap(at, size);
    check(write(to_sender[1], &sum, sizeof sum) == sizeof sum, "the answer");
  }
  _exit(0);
}

int main(int argc, char **argv) {
  (void)argc;
  size = atoll(argv[1]);
  data = malloc(size);
  for (size_t i = 0; i < size / sizeof *data; i++) data[i] = (double)((i * 2654435761u) % 4294967296u) / 4294967296.0;
  wanted = sample(data);
  check(pipe(to_reader) == 0 && pipe(to_sender) == 0, "the pipes");
  pid_t reader = fork();
  if (reader == 0) {
    close(to_reader[1]);
    read_all();
  }
  double time = timed(send_once, 1);
  close(to_reader[1]);
  waitpid(reader, NULL, 0);
  printf("%f\n", time);
}
