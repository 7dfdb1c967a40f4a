import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { tf } from './tfjs.ts';

const require = createRequire(import.meta.url);

test('parts of tfjs that were left out are whole for whoever asks for them', () => {
  expect(tf).not.toHaveProperty('sequential');
  expect(require('@tensorflow/tfjs-layers')).toHaveProperty('sequential');
  require('@tensorflow/tfjs-backend-cpu');
  expect(tf.findBackendFactory('cpu')).toBeTypeOf('function');
});
