/** `npm start`: builds what is missing, then walks through the tutorials as `orbweaver walk` does. */
import { main } from '../src/cli/main.ts';
import { build } from './build.ts';

await build();
process.exitCode = await main(['walk', ...process.argv.slice(2)]);
