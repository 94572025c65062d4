/* Reads slots spread over a list. */
#include "list.h"

enum { READS = 1000 };
static List list;
static int64_t step;
static volatile int64_t sink;

static void pass(void) {
  int64_t total = 0, at = 0;
  for (int i = 0; i < READS; i++) {
    total += *(volatile int64_t *)(list.data + list.offsets[at]);
    at += step;
    if (at >= list.length) at -= list.length;
  }
  sink = total;
}

int main(int argc, char **argv) {
  (void)argc;
  make_list(&list, "int", atoll(argv[1]));
  step = list.length / READS > 0 ? list.length / READS : 1;
  check(*(int64_t *)(list.data + list.offsets[list.length - 1]) == list.length - 1, "the last slot");
  double time = timed(pass, READS);
  drop_list(&list);
  printf("%f\n", time);
}
