/** Before the cluster tests: builds the programs that are nowhere yet, where Go is there to do it. */
import { ALL_PROGRAMS, absentPrograms, commandOnPath } from './binaries.ts';
import { buildPrograms } from './build-programs.ts';

export default async function setup(): Promise<void> {
  const absent = absentPrograms(ALL_PROGRAMS);
  if (absent.length === 0) return;
  if (commandOnPath('go') === undefined) {
    console.error(`tests are skipped for want of ${absent.join(', ')}: no go to build them with`);
    return;
  }
  await buildPrograms((line) => console.error(line));
}
