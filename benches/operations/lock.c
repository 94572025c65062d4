/* A mutex of pthreads between processes: lock, add one, unlock, for so long. */
#include "timer.h"
#include <pthread.h>
#include <sys/wait.h>

enum { MILLISECONDS = 300, MOST = 64 };

typedef struct {
  pthread_mutex_t mutex;
  pthread_barrier_t barrier;
  volatile int64_t value;
  int64_t counts[MOST];
} Shared;

static void work(Shared *shared, int index) {
  pthread_barrier_wait(&shared->barrier);
  double end = now() + MILLISECONDS * 1e6;
  int64_t done = 0;
  for (; now() < end; done += 64) {
    for (int i = 0; i < 64; i++) {
      pthread_mutex_lock(&shared->mutex);
      shared->value++;
      pthread_mutex_unlock(&shared->mutex);
    }
  }
  shared->counts[index] = done;
  _exit(0);
}

int main(int argc, char **argv) {
  (void)argc;
  int count = atoi(argv[1]);
  check(count <= MOST, "too many processes");
  const char *name = fresh_name();
  Shared *shared = map_segment(name, sizeof *shared, O_CREAT | O_EXCL | O_RDWR);
  shm_unlink(name);
  pthread_mutexattr_t between;
  pthread_mutexattr_init(&between);
  pthread_mutexattr_setpshared(&between, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->mutex, &between);
  pthread_barrierattr_t everyone;
  pthread_barrierattr_init(&everyone);
  pthread_barrierattr_setpshared(&everyone, PTHREAD_PROCESS_SHARED);
  pthread_barrier_init(&shared->barrier, &everyone, count);
  for (int i = 0; i < count; i++) {
    if (fork() == 0) work(shared, i);
  }
  int64_t sum = 0;
  for (int i = 0; i < count; i++) wait(NULL);
  for (int i = 0; i < count; i++) sum += shared->counts[i];
  check(sum == shared->value, "increments were lost");
  printf("%f\n", MILLISECONDS * 1e6 / sum);
}
