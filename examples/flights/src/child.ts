/** The worker's end of the channel to the process that forked it. */
import { on } from 'node:events';

const inbox = on(process, 'message');

// Ctrl-C in a terminal reaches every process of the group. The parent decides what happens then.
process.on('SIGINT', () => {});

// The parent has no more questions, or has ended. The mappings end with this process.
process.on('disconnect', () => process.exit());

/** Waits for the next message from the parent. Its type is agreed between the files of this program. */
export async function receive<Message>(): Promise<Message> {
  const { value } = await inbox.next();
  const [message] = value as [Message];
  return message;
}

/** Answers the parent's last question. Before the first question, it reports that this process is ready. */
export function reply(answer?: unknown): void {
  send({ answer });
}

export function sendProgress(rowsDone: number): void {
  send({ rowsDone });
}

function send(message: ChildMessage): void {
  if (!process.send) throw new Error('This file is a worker: run src/main.ts, which starts it');
  process.send(message, undefined, undefined, (error) => {
    if (error) process.exit(1); // The parent has ended.
  });
}

export type ChildMessage = { answer: unknown } | { rowsDone: number };
