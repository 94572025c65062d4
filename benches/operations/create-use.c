/* Creates a segment, writes to each of its pages, unmaps and unlinks it. */
#include "timer.h"

enum { PAGE = 4096 };
static size_t size;

static void pass(void) {
  const char *name = fresh_name();
  volatile char *at = map_segment(name, size, O_CREAT | O_EXCL | O_RDWR);
  for (size_t page = 0; page < size; page += PAGE) at[page] = 1;
  munmap((void *)at, size);
  shm_unlink(name);
}

int main(int argc, char **argv) {
  (void)argc;
  size = atoll(argv[1]);
  printf("%f\n", timed(pass, 1));
}
