/** What goes wrong with channels. */
import {
  ChannelAbortedError,
  ChannelEndedError,
  ChannelError,
  ChannelTimeoutError,
  LayoutError,
  MessageSizeError,
  NoConsumerError,
  ProducerDiedError,
} from '../errors.js';

/** The error for something that did not happen in time. */
export function timedOut(segment: string, what: 'room' | 'message', timeout: number): ChannelTimeoutError {
  const message =
    what === 'room'
      ? `channel '${segment}' had no room within ${timeout} ms: receive faster, or make its capacity larger`
      : `channel '${segment}' had no message within ${timeout} ms`;
  return new ChannelTimeoutError(message, { code: 'ETIMEDOUT', segment });
}

/** The error for a wait that was given up. */
export function aborted(segment: string, signal: AbortSignal): ChannelAbortedError {
  const message = `the wait for channel '${segment}' was aborted`;
  return new ChannelAbortedError(message, { code: 'ABORT_ERR', segment, cause: signal.reason });
}

/** The error for a send after the end. */
export function ended(segment: string): ChannelEndedError {
  const message = `channel '${segment}' has ended: end() or shutdown() was called, and nothing can be sent any more`;
  return new ChannelEndedError(message, { code: 'ERR_SHM_CHANNEL_ENDED', segment });
}

/** The error for producers that died. */
export function died(segment: string, producers: number): ProducerDiedError {
  const who = producers === 1 ? 'a producer' : `${producers} producers`;
  const message = `${who} of channel '${segment}' died without end(): what was sent may not be all`;
  return new ProducerDiedError(message, producers, segment);
}

/** The error for a full ring without a consumer. */
export function noConsumer(segment: string): NoConsumerError {
  const message = `channel '${segment}' is full, and no consumer is left that could make room`;
  return new NoConsumerError(message, { code: 'ERR_SHM_NO_CONSUMER', segment });
}

/** The error for a message that is too long. */
export function tooLong(segment: string, length: number, what: string): MessageSizeError {
  const message = `a message of ${length} bytes on channel '${segment}' is longer than ${what}`;
  return new MessageSizeError(message, { code: 'ERR_SHM_MESSAGE_SIZE', segment });
}

/** The error for what cannot be done while this instance has a message or a reservation in place. */
export function busy(segment: string, what: 'message' | 'reservation'): ChannelError {
  const message = `this instance has a ${what} of channel '${segment}' in place: let its scope end first`;
  return new ChannelError(message, { code: 'ERR_SHM_CHANNEL_BUSY', segment });
}

/** The error for a value, or its codec, that uses an instance while the instance encodes or decodes in the ring. */
export function reentered(segment: string): ChannelError {
  const message = `this instance of channel '${segment}' is used by a value or codec while it encodes or decodes one`;
  return new ChannelError(message, { code: 'ERR_SHM_CHANNEL_BUSY', segment });
}

/** The error for a ring that contradicts itself. */
export function corrupt(segment: string): LayoutError {
  const message = `the ring of channel '${segment}' is damaged; an untrusted process may have written to it`;
  return new LayoutError(message, { code: 'ERR_SHM_LAYOUT', segment });
}
