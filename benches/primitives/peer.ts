/** The other side of a round trip: answers until it is killed. */
import { Barrier, Condition, Lock, SharedEvent, SharedMemory } from 'shareable';

const [kind = '', ...names] = process.argv.slice(2);
const [first = '', second = '', third = ''] = names;

function answerEvents(): never {
  const [ping, pong] = [SharedEvent.attach(first), SharedEvent.attach(second)];
  process.send?.('ready');
  while (true) {
    ping.wait();
    ping.clear();
    pong.set();
  }
}

function meet(): never {
  const barrier = Barrier.attach(first);
  process.send?.('ready');
  while (true) barrier.wait();
}

function answerTurns(): never {
  const [lock, condition] = [Lock.attach(first), Condition.attach(second)];
  const turn = SharedMemory.attach(third).array(Int32Array, 0, 1);
  process.send?.('ready');
  while (true) {
    using guard = lock.acquire();
    condition.wait(guard, () => turn[0] === 1);
    turn[0] = 0;
    condition.notify(guard);
  }
}

if (kind === 'event') answerEvents();
if (kind === 'barrier') meet();
answerTurns();
