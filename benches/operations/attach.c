/* Maps a segment that is there, and unmaps it. */
#include "timer.h"

static size_t size;
static char name[64];

static void pass(void) {
  int fd = shm_open(name, O_RDWR, 0600);
  struct stat facts;
  check(fd >= 0 && fstat(fd, &facts) == 0 && (size_t)facts.st_size == size, "the segment");
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(at != MAP_FAILED, "its mapping");
  close(fd);
  munmap(at, size);
}

int main(int argc, char **argv) {
  (void)argc;
  size = atoll(argv[1]);
  snprintf(name, sizeof name, "%s", fresh_name());
  char *made = map_segment(name, size, O_CREAT | O_EXCL | O_RDWR);
  made[size - 1] = 7;
  double time = timed(pass, 1);
  shm_unlink(name);
  printf("%f\n", time);
}
