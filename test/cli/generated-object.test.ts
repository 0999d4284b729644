/** What `create deployment` and `run` would have kubectl send. */
import { describe, expect, test } from 'vitest';
import { deploymentOf, podOf, readReplicas } from '../../src/cli/generated-object.ts';

describe('create deployment', () => {
  test('makes pods with the label app, and a container named after each image', () => {
    const images = ['nginx', 'quay.io/team/side_car.v2:1.27@sha256:00', 'localhost:5000/a/b:2'];
    const deployment = deploymentOf('web', { image: images, replicas: 3, namespace: 'shop' });
    expect(deployment).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' } },
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              { name: 'nginx', image: images[0] },
              { name: 'side-car-v2', image: images[1] },
              { name: 'b', image: images[2] },
            ],
          },
        },
      },
    });
  });

  test.each([
    ['0', 0],
    ['10000', 10_000],
  ])('reads --replicas %s', (text, count) => {
    expect(readReplicas(text)).toBe(count);
  });

  test.each(['', '-1', '1.5', 'x', '1e3', '9999999999'])('refuses --replicas %j', (text) => {
    expect(() => readReplicas(text)).toThrow('whole number');
  });
});

describe('run', () => {
  test('makes a pod with the label run, unless labels are given', () => {
    const pod = podOf('nginx', { image: 'nginx:1', namespace: 'default' });
    expect(pod.metadata).toEqual({
      name: 'nginx',
      namespace: 'default',
      labels: { run: 'nginx' },
    });
    expect(pod.spec).toEqual({ containers: [{ name: 'nginx', image: 'nginx:1' }] });
    const other = podOf('nginx', { image: 'nginx', namespace: 'default', labels: { a: 'b' } });
    expect(other.metadata.labels).toEqual({ a: 'b' });
  });
});
