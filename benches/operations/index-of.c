/* Looks for the last value of a list of integers. */
#include "list.h"

static List list;

static void pass(void) {
  int64_t i = 0, wanted = list.length - 1;
  while (i < list.length && (list.formats[8 * i] != 'q' || *(int64_t *)(list.data + list.offsets[i]) != wanted)) i++;
  check(i == wanted, "the index");
}

int main(int argc, char **argv) {
  (void)argc;
  make_list(&list, "int", atoll(argv[1]));
  double time = timed(pass, 1);
  drop_list(&list);
  printf("%f\n", time);
}
