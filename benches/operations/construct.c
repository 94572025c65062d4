/* Makes and drops a list. */
#include "list.h"

static List list;
static int64_t length;

static void pass(void) {
  make_list(&list, "int", length);
  drop_list(&list);
}

int main(int argc, char **argv) {
  (void)argc;
  length = atoll(argv[1]);
  make_list(&list, "int", length);
  check(*(int64_t *)(list.data + list.offsets[length - 1]) == length - 1, "the last slot");
  drop_list(&list);
  printf("%f\n", timed(pass, 1));
}
