/** Manifests of the dialects' kinds, by short names. */
const KINDS = {
  pool: 'spiderpool.spidernet.io/v2beta1 SpiderIPPool',
  older: 'spiderpool.spidernet.io/v1 IPPool',
  subnet: 'spiderpool.spidernet.io/v2beta1 SpiderSubnet',
  reserved: 'spiderpool.spidernet.io/v2beta1 SpiderReservedIP',
  endpoint: 'spiderpool.spidernet.io/v2beta1 SpiderEndpoint',
  olderEndpoint: 'spiderpool.spidernet.io/v1 WorkloadEndpoint',
  calico: 'projectcalico.org/v3 IPPool',
  reservation: 'projectcalico.org/v3 IPReservation',
  configuration: 'projectcalico.org/v3 IPAMConfiguration',
};
export type Short = keyof typeof KINDS;

/** One object as JSON; `more` are its fields beside the metadata. */
export function manifest(short: Short, name: string, more: object): string {
  const [apiVersion, kind] = KINDS[short].split(' ');
  return JSON.stringify({ apiVersion, kind, metadata: { name }, ...more });
}
