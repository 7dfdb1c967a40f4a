/** How a kind is called, with its article, and what its owner can do whatever he wanted it for. */
type Naming = readonly [name: string, mend?: string];

const POINTER = 'the repository keeps the file elsewhere; ';
const UNPACK = 'unpack it and name the file inside';
const AS_PNG = 'write it as PNG';
const DOWNLOAD = 'download the file again';
/** PyTorch's own library is what reads its files surely; the script needs nothing of this harness. */
const CONVERT =
  'write it as safetensors with `python tools/torch/to_safetensors.py FILE OUT.safetensors`';

/** Every kind of file that is told apart. */
export const KINDS = {
  empty: ['an empty file', 'fetch or write it again; was the disk full?'],
  zeros: ['zero bytes, as far as was looked', `its copy was never finished; ${DOWNLOAD}`],
  lfs: ['a Git-LFS pointer, not the file itself', `${POINTER}run \`git lfs pull\` in it`],
  annex: ['a git-annex pointer, not the file itself', `${POINTER}run \`git annex get\` in it`],
  dvc: ['a DVC pointer, not the file itself', `${POINTER}run \`dvc pull\` in it`],
  html: ['an HTML page', `a server sent it (an error, a log-in) instead of the file; ${DOWNLOAD}`],
  xml: ['an XML document', `it may be a server's error instead of the file; ${DOWNLOAD}`],
  svg: ['an SVG drawing', AS_PNG],
  json: ['a JSON text'],
  text: ['a text'],
  utf16: ['a text in UTF-16', 'save it as UTF-8'],
  pem: ['a PEM text (a key or certificate)'],
  gzip: ['a gzip file', 'unpack it with `gunzip`'],
  bzip2: ['a bzip2 file', 'unpack it with `bunzip2`'],
  xz: ['an xz file', 'unpack it with `unxz`'],
  zstd: ['a Zstandard file', 'unpack it with `unzstd`'],
  lz4: ['an LZ4 file', 'unpack it with `unlz4`'],
  zip: ['a zip archive', UNPACK],
  '7z': ['a 7-Zip archive', UNPACK],
  rar: ['a RAR archive', UNPACK],
  tar: ['a tar archive', UNPACK],
  safetensors: ['a safetensors file'],
  torch: ['a PyTorch checkpoint (zip)', CONVERT],
  torchscript: ['a TorchScript archive', CONVERT],
  'torch-legacy': ['a PyTorch checkpoint of before version 1.6 (pickle)', CONVERT],
  pickle: ['a Python pickle'],
  npy: ['a NumPy array (.npy)'],
  npz: ['a NumPy archive (.npz)'],
  hdf5: ['an HDF5 file (Keras, MATLAB 7.3)'],
  matlab: ['a MATLAB file'],
  onnx: ['an ONNX model'],
  gguf: ['a GGUF model'],
  tflite: ['a TensorFlow Lite model'],
  parquet: ['a Parquet table'],
  arrow: ['an Arrow table'],
  sqlite: ['an SQLite database'],
  pdf: ['a PDF document'],
  office: ['an old Office document'],
  appledouble: ["macOS's notes on another file", 'delete files whose names begin with `._`'],
  program: ['a program or library'],
  jpeg: ['a JPEG picture'],
  png: ['a PNG picture'],
  gif: ['a GIF picture'],
  webp: ['a WebP picture'],
  tiff: ['a TIFF picture'],
  bmp: ['a BMP picture'],
  ico: ['an icon (.ico)', AS_PNG],
  heic: ['an HEIC picture', AS_PNG],
  avif: ['an AVIF picture', AS_PNG],
  jxl: ['a JPEG XL picture', AS_PNG],
  jp2: ['a JPEG 2000 picture', AS_PNG],
  psd: ['a Photoshop picture', AS_PNG],
  exr: ['an OpenEXR picture', AS_PNG],
  pnm: ['a PNM picture (.ppm, .pgm)', AS_PNG],
  dicom: ['a DICOM picture', AS_PNG],
  video: ['a video', 'write its frames as pictures'],
  sound: ['a sound'],
} as const satisfies Readonly<Record<string, Naming>>;
export type Kind = keyof typeof KINDS;

/** Bytes as Latin-1 letters (`?` is any byte), where they stand, and what a file that has them is. */
type Signature = readonly [kind: Kind, letters: string, at?: number];

/** What bytes that are no text are, by a look at one fixed place; the first that fits decides. */
export const SIGNATURES: readonly Signature[] = [
  ['jpeg', '\xff\xd8\xff'],
  ['png', '\x89PNG\r\n\x1a\n'],
  ['gif', 'GIF87a'],
  ['gif', 'GIF89a'],
  ['webp', 'RIFF????WEBP'],
  ['video', 'RIFF????AVI '],
  ['sound', 'RIFF????WAVE'],
  ['tiff', 'II*\0'],
  ['tiff', 'MM\0*'],
  ['tiff', 'II+\0'],
  ['tiff', 'MM\0+'],
  ['bmp', 'BM????\0\0\0\0????'],
  ['ico', '\0\0\x01\0?\0'],
  ['avif', '????ftypavif'],
  ['avif', '????ftypavis'],
  ['heic', '????ftyphei'],
  ['heic', '????ftyphev'],
  ['heic', '????ftypmif1'],
  ['heic', '????ftypmsf1'],
  ['video', '????ftyp'],
  ['video', '\x1a\x45\xdf\xa3'],
  ['jxl', '\xff\x0a'],
  ['jxl', '\0\0\0\x0cJXL \r\n\x87\n'],
  ['jp2', '\0\0\0\x0cjP  \r\n\x87\n'],
  ['jp2', '\xff\x4f\xff\x51'],
  ['psd', '8BPS'],
  ['exr', '\x76\x2f\x31\x01'],
  ['dicom', 'DICM', 128],
  ['sound', 'ID3\x03\0'],
  ['sound', 'ID3\x04\0'],
  ['pnm', 'P4\n'],
  ['pnm', 'P5\n'],
  ['pnm', 'P6\n'],
  ['sound', 'OggS'],
  ['sound', 'fLaC'],
  ['gzip', '\x1f\x8b\x08'],
  ['bzip2', 'BZh?1AY&SY'],
  ['xz', '\xfd7zXZ\0'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['lz4', '\x04\x22\x4d\x18'],
  ['7z', '7z\xbc\xaf\x27\x1c'],
  ['rar', 'Rar!\x1a\x07'],
  ['tar', 'ustar', 257],
  ['torch-legacy', '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20'],
  ['npy', '\x93NUMPY'],
  ['hdf5', '\x89HDF\r\n\x1a\n'],
  ['hdf5', '\x89HDF\r\n\x1a\n', 512],
  ['matlab', 'MATLAB 5.0 MAT-file'],
  ['gguf', 'GGUF'],
  ['tflite', 'TFL3', 4],
  ['parquet', 'PAR1'],
  ['arrow', 'ARROW1\0\0'],
  ['sqlite', 'SQLite format 3\0'],
  ['pdf', '%PDF-'],
  ['office', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1'],
  ['appledouble', '\0\x05\x16\x07'],
  ['program', '\x7fELF'],
  ['program', '\xcf\xfa\xed\xfe'],
  ['utf16', '\xff\xfe?\0'],
  ['utf16', '\xfe\xff\0'],
];

/** What stands before the first element of a page or document. */
const PROLOG = String.raw`^(?:\xef\xbb\xbf)?(?:\s|<\?xml[^>]*>|<!--[^]*?-->|<!doctype svg[^>]*>)*`;
const PAGE = 'html|head|body|title|meta|link|script|style|center|h1|p|div|pre|table|font';

/** What begins with letters of ASCII, whatever follows; the first that fits decides. */
export const BEGINNINGS: readonly (readonly [Kind, RegExp])[] = [
  ['html', new RegExp(`${PROLOG}<(?:!doctype html|${PAGE})\\b`, 'i')],
  ['svg', new RegExp(`${PROLOG}<svg\\b`, 'i')],
  ['pickle', /^(?:\([dl]p\d+\r?\n|c[\w.]+\r?\n\w+\r?\n[p(q])/],
  ['xml', /^(?:\xef\xbb\xbf)?\s*<(?:\?xml\b|[a-z][\w:.-]*(?:\s[^<>]*)?\/?>)/i],
];

/** What a text is; the first that fits decides. */
export const TEXTS: readonly (readonly [Kind, RegExp])[] = [
  ['lfs', /^version https?:\/\/(?:git-lfs\.github\.com|hawser\.github\.com|git-media\.io)\//],
  ['lfs', /^# xet version /],
  ['annex', /^[^\n]*\bannex\/objects\/[^\n]+\s*$/],
  ['dvc', /^(?:\w+: [^\n]*\n)*outs:\s*\n- (?:md5|hash|etag|size|path):/],
  ['pem', /^-----BEGIN [A-Z0-9 ]+-----/],
  ['pdf', /^%PDF-/],
  ['pnm', /^P[1-3]\s+(?:#[^\n]*\n\s*)*\d+\s+\d+\s/],
  ['json', /^\ufeff?\s*(?:\{\s*["}]|\[\s*(?:["{[\d\]-]|true|false|null))/],
];
