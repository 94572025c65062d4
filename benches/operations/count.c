/* Counts a value in a list of integers. */
#include "list.h"

static List list;

static void pass(void) {
  int64_t count = 0, wanted = list.length - 1;
  for (int64_t i = 0; i < list.length; i++) {
    count += list.formats[8 * i] == 'q' && *(int64_t *)(list.data + list.offsets[i]) == wanted;
  }
  check(count == 1, "the count");
}

int main(int argc, char **argv) {
  (void)argc;
  make_list(&list, "int", atoll(argv[1]));
  double time = timed(pass, 1);
  drop_list(&list);
  printf("%f\n", time);
}
