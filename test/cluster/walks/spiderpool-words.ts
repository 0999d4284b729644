/** What kubectl prints for Spiderpool's kinds, and what its refusals begin with. */

/** Of SpiderIPPool. */
export const POOL_COLUMNS = [
  ...['NAME', 'VERSION', 'SUBNET', 'ALLOCATED-IP-COUNT', 'TOTAL-IP-COUNT', 'DEFAULT'],
];

/** Of the older IPPool. */
export const OLDER_POOL_COLUMNS = [
  ...['NAME', 'VERSION', 'SUBNET', 'ALLOCATED-IP-COUNT', 'TOTAL-IP-COUNT', 'DISABLE'],
];

/** Of SpiderEndpoint and the older WorkloadEndpoint, in the tutorials' spelling. */
export const ENDPOINT_COLUMNS = [
  ...['NAME', 'INTERFACE', 'IPV4POOL', 'IPV4', 'IPV6POOL', 'IPV6', 'NODE', 'CREATETION TIME'],
];

/** Words before it are the runtime's. */
export const REFUSED =
  'spiderpool IP allocation error: [POST /ipam/ip][500] postIpamIpFailure  failed to allocate IP ' +
  'addresses in standard mode: ';
