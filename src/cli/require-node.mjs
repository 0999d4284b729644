// Ends the process with one line where Node is too old to read TypeScript. Whatever starts TypeScript here
// imports this first. Plain JavaScript in the syntax of old Nodes.

const NODE_MAJOR_MIN = 24;

const [major] = process.versions.node.split('.');
if (Number(major) < NODE_MAJOR_MIN) {
  console.error(
    `error: orbweaver needs Node ${NODE_MAJOR_MIN} or newer, and this is Node ${process.versions.node} ` +
      `(${process.execPath}): in a checkout \`npm ci\` brings it and \`npm run\` uses it, elsewhere install it`,
  );
  process.exit(1);
}
