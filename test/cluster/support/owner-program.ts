/** A program: starts a cluster with one node, prints its folder and waits to be ended by whatever comes. */
import { Cluster } from './cluster.ts';

process.once('SIGINT', () => process.exit(130));
const cluster = await Cluster.start({ nodes: ['node1'] });
console.log(cluster.controlPlane.folder);
setInterval(() => {}, 1_000);
