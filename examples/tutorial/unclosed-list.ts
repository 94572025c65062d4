/**
 * A list that is never closed. Without `using` or `unlink()`, the tracker cleans up when the process ends, and warns on
 * standard error with the line that created the list.
 */
import { ShareableList } from 'shareable';

const list = ShareableList.create(['howdy', -273.154, 100, true]);
console.log(`${list}`);
// `using list = …` above would print no warning.
