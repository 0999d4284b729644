/** What of `metadata` only the store of an object may say, so that a copy of what it said can be applied again. */
export const SERVER_FIELDS = [
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
] as const;
