// Whatever starts TypeScript here does it through this file, which says in one line what is missing where that
// cannot work. Plain JavaScript in the syntax of old Nodes.

const NODE_MAJOR_MIN = 24;

/** Imports a TypeScript module. Ends the process where Node is too old, or where packages are not installed. */
export async function loadTypeScript(url) {
  const [major] = process.versions.node.split('.');
  if (Number(major) < NODE_MAJOR_MIN) {
    refuse(
      `orbweaver needs Node ${NODE_MAJOR_MIN} or newer, and this is Node ${process.versions.node} ` +
        `(${process.execPath}): in a checkout \`npm ci\` brings it and \`npm run\` uses it, elsewhere install it`,
    );
  }
  try {
    return await import(url);
  } catch (error) {
    const [, name] = /^Cannot find package '([^']+)'/.exec(error.message) || [];
    if (error.code === 'ERR_MODULE_NOT_FOUND' && name !== undefined) {
      refuse(`the package ${name} is not installed: run \`npm ci\``);
    }
    throw error;
  }
}

function refuse(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
