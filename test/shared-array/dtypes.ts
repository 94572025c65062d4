/** The types of elements, as the tests go through them. */
import type { Dtype } from 'shareable';

export const dtypes: Dtype[] = [
  'int8',
  'uint8',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float16',
  'float32',
  'float64',
  'bool',
];
