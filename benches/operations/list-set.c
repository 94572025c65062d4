/* Writes the slots of a list by its offsets, as C would. */
#include "list.h"

enum { LENGTH = 1000 };
static List list;
static int is_text;

static void pass(void) {
  for (int64_t i = 0; i < LENGTH; i++) {
    char *at = list.data + list.offsets[i];
    if (is_text) memcpy(at, "hello there\0\0\0\0\0", 16);
    else *(volatile int64_t *)at = LENGTH - i;
    __asm__ volatile("" ::: "memory");
  }
}

int main(int argc, char **argv) {
  (void)argc;
  is_text = strcmp(argv[1], "str") == 0;
  make_list(&list, argv[1], LENGTH);
  pass();
  check(is_text || *(int64_t *)(list.data + list.offsets[7]) == LENGTH - 7, "slot 7");
  double time = timed(pass, LENGTH);
  drop_list(&list);
  printf("%f\n", time);
}
