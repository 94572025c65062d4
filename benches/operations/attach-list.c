/* Maps a list that is there, reads its last value, and unmaps it. */
#include "list.h"

static List list;

static void pass(void) {
  List other;
  other.base = map_segment(list.name, list.size, O_RDWR);
  find_parts(&other);
  check(*(int64_t *)(other.data + other.offsets[other.length - 1]) == other.length - 1, "the last value");
  munmap(other.base, list.size);
}

int main(int argc, char **argv) {
  (void)argc;
  make_list(&list, "int", atoll(argv[1]));
  double time = timed(pass, 1);
  drop_list(&list);
  printf("%f\n", time);
}
