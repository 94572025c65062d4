/** The worker's end of the channel to the process that forked it. */
import { on } from 'node:events';

const inbox = on(process, 'message');

// Ctrl-C in a terminal reaches every process of the group; the parent decides what follows from it.
process.on('SIGINT', () => {});

// The parent has no more to ask, or is no more. Either way the mappings go with this process.
process.on('disconnect', () => process.exit());

/** The next message from the parent. The type is a promise between this program's own files. */
export async function receive<Message>(): Promise<Message> {
  const { value } = await inbox.next();
  const [message] = value as [Message];
  return message;
}

/** Answers the parent's last question; called unasked, it says that this process is ready. */
export function reply(answer?: unknown): void {
  send({ answer });
}

export function sendProgress(rowsDone: number): void {
  send({ rowsDone });
}

function send(message: ChildMessage): void {
  if (!process.send) throw new Error('This file is a worker: run src/main.ts, which starts it');
  process.send(message, undefined, undefined, (error) => {
    if (error) process.exit(1); // Nobody is left to tell.
  });
}

export type ChildMessage = { answer: unknown } | { rowsDone: number };
