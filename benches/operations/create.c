/* Creates a segment, unmaps and unlinks it; as the contender `allocating`, with memory that is there for sure. */
#include "timer.h"

static size_t size;
static int allocates;

static void pass(void) {
  const char *name = fresh_name();
  int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
  check(fd >= 0 && ftruncate(fd, size) == 0, "the segment");
  if (allocates) check(posix_fallocate(fd, 0, size) == 0, "its memory");
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(at != MAP_FAILED, "its mapping");
  close(fd);
  munmap(at, size);
  shm_unlink(name);
}

int main(int argc, char **argv) {
  size = atoll(argv[1]);
  allocates = argc > 2 && strcmp(argv[2], "allocating") == 0;
  printf("%f\n", timed(pass, 1));
}
