/* Reads the slots of a list by its offsets, as C would: a number is one load, text is copied out. */
#include "list.h"

enum { LENGTH = 1000 };
static List list;
static int is_text;
static volatile int64_t sink;

static void pass(void) {
  int64_t total = 0;
  for (int64_t i = 0; i < LENGTH; i++) {
    const char *at = list.data + list.offsets[i];
    if (!is_text) {
      total += *(volatile const int64_t *)at;
      continue;
    }
    char text[17];
    memcpy(text, at, 16);
    text[16] = 0;
    total += strlen(text) + text[i & 7];
  }
  sink = total;
}

int main(int argc, char **argv) {
  (void)argc;
  is_text = strcmp(argv[1], "str") == 0;
  make_list(&list, argv[1], LENGTH);
  check(strcmp(argv[1], "int") != 0 || *(int64_t *)(list.data + list.offsets[7]) == 7, "slot 7");
  double time = timed(pass, LENGTH);
  drop_list(&list);
  printf("%f\n", time);
}
