/**
 * The syntax of label keys and values, with the API server's messages (k8s.io/apimachinery
 * pkg/api/validate/content).
 */

const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const NAME_PATTERN = new RegExp(`^${NAME}$`);
const NAME_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const NAME_BYTES_MAX = 63;

const VALUE = `(${NAME})?`;
const VALUE_PATTERN = new RegExp(`^${VALUE}$`);

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${DNS_LABEL}(\\.${DNS_LABEL})*`;
const SUBDOMAIN_PATTERN = new RegExp(`^${SUBDOMAIN}$`);
const SUBDOMAIN_BYTES_MAX = 253;

function broken(rule: string, examples: readonly string[], pattern: string): string {
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${rule} (e.g. ${list}regex used for validation is '${pattern}')`;
}

function tooLong(bytesMax: number): string {
  return `must be no more than ${bytesMax} bytes`;
}

const NAME_FAULT = broken(NAME_RULE, ['MyName', 'my.name', '123-abc'], NAME);
const KEY_FAULT = `a valid label key ${NAME_FAULT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
const VALUE_FAULT = broken(
  `a valid label must be an empty string or ${NAME_RULE.replace('must consist', 'consist')}`,
  ['MyValue', 'my_value', '12345'],
  VALUE,
);
const SUBDOMAIN_FAULT = broken(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  ['example.com'],
  SUBDOMAIN,
);

/** Every rule of label keys that `key` breaks, in words; empty when it is a valid key. */
export function labelKeyFaults(key: string): string[] {
  const parts = key.split('/', 3);
  if (parts.length > 2) return [KEY_FAULT];
  const faults: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) {
    const prefix = parts[0]!;
    const prefixFaults = prefix === '' ? ['must be non-empty'] : subdomainFaults(prefix);
    faults.push(...prefixFaults.map((fault) => `prefix part ${fault}`));
  }
  if (name === '') faults.push('name part must be non-empty');
  else if (Buffer.byteLength(name) > NAME_BYTES_MAX) {
    faults.push(`name part ${tooLong(NAME_BYTES_MAX)}`);
  }
  if (!NAME_PATTERN.test(name)) faults.push(`name part ${NAME_FAULT}`);
  return faults;
}

/** Every rule of label values that `value` breaks, in words; empty when it is a valid value. */
export function labelValueFaults(value: string): string[] {
  const faults: string[] = [];
  if (Buffer.byteLength(value) > NAME_BYTES_MAX) faults.push(tooLong(NAME_BYTES_MAX));
  if (!VALUE_PATTERN.test(value)) faults.push(VALUE_FAULT);
  return faults;
}

/** Every rule of RFC 1123 subdomains (object names, key prefixes) that `text` breaks; empty when valid. */
export function subdomainFaults(text: string): string[] {
  const faults: string[] = [];
  if (Buffer.byteLength(text) > SUBDOMAIN_BYTES_MAX) faults.push(tooLong(SUBDOMAIN_BYTES_MAX));
  if (!SUBDOMAIN_PATTERN.test(text)) faults.push(SUBDOMAIN_FAULT);
  return faults;
}
