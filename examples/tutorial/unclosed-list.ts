/**
 * The list that is never closed, and the warning it earns: without `using`, without `unlink()`, the process ends and its
 * tracker has to clean up. It says so on standard error, with the line that created the list.
 */
import { ShareableList } from 'shareable';

const list = ShareableList.create(['howdy', -273.154, 100, true]);
console.log(`${list}`);
// `using list = …` above would print no warning.
