/** Which of a file's encoders is the one to take, where a known program wrote it. */
export interface Layout {
  /** Of the programs that write it, for messages. */
  readonly name: string;
  /** What stands before the backbone's own names, without wrappers: `encoder_q.`. */
  readonly take: string;
  /** Prefixes of other encoders, or of the same one once more, that may be there as well. */
  readonly beside: readonly string[];
}

/**
 * Parts of a name that say how the file came to be and not which network it is; any number of them,
 * anywhere before the backbone's own names.
 */
export const WRAPPERS: ReadonlySet<string> = new Set([
  'module', // DataParallel, DistributedDataParallel
  'model', // Lightning, timm and many training loops
  'state_dict',
  'model_state',
  'model_state_dict',
  '_orig_mod', // torch.compile
  '_fsdp_wrapped_module',
  'classy_state_dict', // VISSL
  'base_model',
  '_feature_blocks',
]);

/**
 * The known ways to name two encoders. Of two that the gradient and a moving average make, that one is taken which the
 * program's own evaluation takes: the one under the gradient, but for DINO and lightly the average.
 */
export const LAYOUTS: readonly Layout[] = [
  {
    name: 'OpenSelfSup and MMSelfSup: the backbone under its own name',
    take: 'backbone.',
    beside: ['encoder.0.', 'encoder_q.0.', 'encoder_k.0.', 'online_net.0.', 'target_net.0.'],
  },
  { name: 'OpenSelfSup MoCo: the query encoder', take: 'encoder_q.0.', beside: ['encoder_k.0.'] },
  { name: 'MoCo: the query encoder', take: 'encoder_q.', beside: ['encoder_k.'] },
  { name: 'MoCo: the query encoder', take: 'query_encoder.', beside: ['key_encoder.'] },
  { name: 'MoCo v3: the base encoder', take: 'base_encoder.', beside: ['momentum_encoder.'] },
  { name: 'OpenSelfSup BYOL: the online net', take: 'online_net.0.', beside: ['target_net.0.'] },
  {
    name: 'BYOL: the online network',
    take: 'online_network.encoder.',
    beside: ['target_network.encoder.'],
  },
  { name: 'BYOL: the online network', take: 'online_network.', beside: ['target_network.'] },
  { name: 'BYOL: the online encoder', take: 'online_encoder.', beside: ['target_encoder.'] },
  {
    name: 'byol-pytorch: the network that was handed in, which is the online encoder',
    take: 'net.',
    beside: ['online_encoder.net.', 'target_encoder.net.'],
  },
  {
    name: "DINO: the teacher, which DINO's evaluation takes by default",
    take: 'teacher.backbone.',
    beside: ['student.backbone.'],
  },
  {
    name: "DINO: the teacher, which DINO's evaluation takes by default",
    take: 'teacher.',
    beside: ['student.'],
  },
  {
    name: 'solo-learn: the backbone, not its moving average',
    take: 'backbone.',
    beside: ['momentum_backbone.'],
  },
  {
    name: 'solo-learn of before 1.0.3: the encoder, not its moving average',
    take: 'encoder.',
    beside: ['momentum_encoder.'],
  },
  {
    name: 'lightly: the backbone, not its moving average',
    take: 'backbone.',
    beside: ['backbone_momentum.'],
  },
  {
    name: "lightly's benchmarks: `backbone`, which their evaluation takes",
    take: 'backbone.',
    beside: ['query_backbone.', 'student_backbone.', 'key_backbone.', 'teacher_backbone.'],
  },
  { name: 'PixPro: the encoder under the gradient', take: 'encoder.', beside: ['encoder_k.'] },
  {
    name: 'SoCo: the encoder under the gradient',
    take: 'encoder.',
    beside: ['encoder_k.', 'model_ema.encoder.'],
  },
  {
    name: 'BYOL in PyTorch: the online network',
    take: 'online_network_state_dict.encoder.',
    beside: ['target_network_state_dict.encoder.'],
  },
  {
    name: 'timm and torchvision with a moving average beside: the network under the gradient',
    take: '',
    beside: ['state_dict_ema.', 'model_ema.'],
  },
  { name: 'SimSiam: the encoder', take: 'encoder.', beside: [] },
  {
    name: 'Barlow Twins, VICReg, solo-learn, lightly: the backbone',
    take: 'backbone.',
    beside: [],
  },
  { name: 'VISSL: the trunk', take: 'trunk.', beside: [] },
  { name: 'torchvision, timm, SwAV: bare names', take: '', beside: [] },
];

/**
 * A ResNet whose parts were put into a `Sequential` in order, as lightly's examples do: with ReLU and pool between, as
 * torchvision's, or without.
 */
export const NUMBERED: readonly Readonly<Record<string, string>>[] = [
  { 0: 'conv1', 1: 'bn1', 4: 'layer1', 5: 'layer2', 6: 'layer3', 7: 'layer4' },
  { 0: 'conv1', 1: 'bn1', 2: 'layer1', 3: 'layer2', 4: 'layer3', 5: 'layer4' },
];
