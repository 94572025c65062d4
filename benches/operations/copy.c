/* Copies into a segment. */
#include "timer.h"

static size_t size;
static char *source, *target;

static void pass(void) {
  memcpy(target, source, size);
  __asm__ volatile("" ::: "memory");
}

int main(int argc, char **argv) {
  (void)argc;
  size = atoll(argv[1]);
  const char *name = fresh_name();
  target = map_segment(name, size, O_CREAT | O_EXCL | O_RDWR);
  shm_unlink(name);
  source = malloc(size);
  memset(source, 3, size);
  pass();
  check(target[size - 1] == 3, "the last byte");
  printf("%f\n", timed(pass, 1));
}
