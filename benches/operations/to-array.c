/* Copies the values of a list of integers to memory of its own. */
#include "list.h"

static List list;

static void pass(void) {
  int64_t *values = malloc(8 * list.length);
  for (int64_t i = 0; i < list.length; i++) values[i] = *(int64_t *)(list.data + list.offsets[i]);
  check(values[list.length - 1] == list.length - 1, "the last value");
  free(values);
}

int main(int argc, char **argv) {
  (void)argc;
  make_list(&list, "int", atoll(argv[1]));
  double time = timed(pass, 1);
  drop_list(&list);
  printf("%f\n", time);
}
