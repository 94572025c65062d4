/** Which of the core's tests do not run under Wine, and why. The package's tests declare what they need: see `test/support/platform.ts`. */
import type { Skip } from './types.ts';

const CORPUS = 'reads the corpus in the folder of the sources, which is not staged there';

/** Tests of the core, by the name of their program and their own. */
export const skippedCoreTests: readonly Skip[] = [
  {
    file: 'shareable_core',
    name: 'a_name_that_is_taken_is_refused',
    reason: 'Wine 10 lets a second server make the first end of a pipe that exists; Windows refuses it',
  },
  { file: 'corpus', name: 'no_bytes_make_a_manager_or_its_members_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'no_bytes_make_a_list_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'no_bytes_make_a_tracker_misbehave', reason: CORPUS },
  { file: 'corpus', name: 'only_a_client_with_the_key_completes_a_handshake', reason: CORPUS },
  { file: 'corpus', name: 'values_come_back_from_every_list_as_they_went_in', reason: CORPUS },
];
