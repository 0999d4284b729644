/** `-l`: which objects to show, in kubectl's words. */
import { OrbweaverError } from '../catalogue/errors.ts';
import { holds, type Requirement } from '../selector/requirement.ts';

const SET = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const EQUALITY = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/;
const EXISTENCE = /^(!?)\s*([^\s=!()]+)$/;

/** Reads `app=web,tier in (a, b),!old`. Throws USAGE naming the part that is wrong. */
export function readLabelQuery(text: string): readonly Requirement[] {
  return splitOutsideBrackets(text).map(readRequirement);
}

/** True when the labels meet every requirement. */
export function meets(
  requirements: readonly Requirement[],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return requirements.every((requirement) => holds(requirement, labels?.[requirement.key]));
}

function readRequirement(part: string): Requirement {
  const set = SET.exec(part);
  if (set !== null) {
    const values = set[3]!.split(',').map((value) => value.trim());
    return { key: set[1]!, operator: set[2] === 'in' ? 'In' : 'NotIn', values };
  }
  const equality = EQUALITY.exec(part);
  if (equality !== null) {
    const operator = equality[2] === '!=' ? 'NotIn' : 'In';
    return { key: equality[1]!, operator, values: [equality[3]!] };
  }
  const existence = EXISTENCE.exec(part);
  if (existence !== null) {
    const operator = existence[1] === '!' ? 'DoesNotExist' : 'Exists';
    return { key: existence[2]!, operator, values: [] };
  }
  throw new OrbweaverError(
    'USAGE',
    `-l ${JSON.stringify(part)} is not KEY=VALUE, KEY!=VALUE, KEY, !KEY, KEY in (…) or KEY notin (…)`,
  );
}

function splitOutsideBrackets(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
