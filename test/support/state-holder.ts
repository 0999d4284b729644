/** A process that opens a state folder, writes one thing, says so and stays, until it is killed. */
import { Database } from '../../src/sqlite/database.ts';

const database = Database.open(process.argv[2]!, {
  applicationId: 0x01020304,
  migrations: ['CREATE TABLE things (name TEXT PRIMARY KEY, note TEXT)'],
});
database.begin();
database.prepare('INSERT INTO things (name) VALUES (?)').run('of the holder');
database.commit();
process.stdout.write('ready');
setInterval(() => {}, 60_000);
