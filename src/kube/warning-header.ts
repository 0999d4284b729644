/**
 * The header in which an API server warns of a request that it did all the same: `299 - "text"`, several with commas
 * between them (RFC 7234 section 5.5).
 */

/** Code, agent, text in quotation marks. */
const WARNING = /(\d{3}) \S+ "((?:[^"\\]|\\.)*)"/g;
/** The code that Kubernetes uses: it persists until somebody does something about it. */
const PERSISTENT = '299';

/** The texts, each once, in order. What is no warning of an API server is passed over. */
export function readWarnings(header: string | readonly string[] | undefined): string[] {
  const texts = new Set<string>();
  for (const line of typeof header === 'string' ? [header] : (header ?? [])) {
    for (const [, code, quoted] of utf8(line).matchAll(WARNING)) {
      if (code === PERSISTENT && quoted) {
        texts.add(quoted.replaceAll(/\\(.)/g, '$1'));
      }
    }
  }
  return [...texts];
}

/** Headers are read byte for byte; the server writes them in UTF-8. */
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
