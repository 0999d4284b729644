import { expect, test } from 'vitest';
import { OrbweaverError } from '../../src/catalogue/errors.ts';
import { describeError } from '../../src/cli/failure.ts';

test.each(['no such option', 'Allowed choices are wide, yaml.', 'is not in a configured pool\n'])(
  'an error line has one full stop between what happened and what to do: %j',
  (message) => {
    const line = describeError(new OrbweaverError('USAGE', message));
    expect(line).toContain(`${message.trimEnd().replace(/\.$/, '')}. Run the command`);
  },
);
