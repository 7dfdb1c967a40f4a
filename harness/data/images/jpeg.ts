import koffi from 'koffi';
import type { Image } from './image.ts';

/** Decodes a JPEG file at once; undefined for a file that is damaged or in any way unusual. */
export type JpegDecoder = (bytes: Uint8Array) => Image | undefined;

// tensorflow::jpeg::Uncompress(source, size, flags, &width, &height, &components, &warnings), what
// the op DecodeJpeg calls. Called directly, as sessions share thread pools that decide bits.
const UNCOMPRESS = '_ZN10tensorflow4jpeg10UncompressEPKviRKNS0_15UncompressFlagsEPiS6_S6_Pl';

// RTLD_NOW | RTLD_NODELETE. Node unloads its libraries at exit, and then calls what this one has
// registered for that moment: a process that loaded it in no other way would end in SIGSEGV.
const STAYS = 0x1002;

// operator delete[](void*), for what the function above takes from operator new[].
const DELETE_ARRAY = '_ZdaPv';

/**
 * The decoder inside libtensorflow (libjpeg-turbo, exact integer DCT, smooth chroma): the bits of
 * sharp's for half of its processor time. It refuses a file that ends early or that it warns of.
 * @param library path of a libtensorflow_cc; it stays loaded
 * @returns undefined where that library has no such function
 */
export function libraryJpegDecoder(library: string): JpegDecoder | undefined {
  const libc = koffi.load('libc.so.6');
  const memcpy = libc.func('void* memcpy(void* target, const void* source, size_t n)');
  libc.func('void* dlopen(const char* path, int flags)')(library, STAYS);
  const found = bound(library);
  if (found === undefined) return undefined;
  const { uncompress, free } = found;
  const flags = uncompressFlags();
  return (bytes) => {
    const out: [number][] = [[0], [0], [0], [0]];
    const decoded: unknown = uncompress(bytes, bytes.length, flags, ...out);
    if (decoded === null) return undefined;
    try {
      const [width = 0, height = 0, components, warnings] = out.map(([value]) => value);
      if (components !== 3 || warnings !== 0) return undefined;
      const pixels = Buffer.allocUnsafeSlow(width * height * 3);
      memcpy(pixels, decoded, pixels.length);
      return { width, height, pixels };
    } finally {
      free(decoded);
    }
  };
}

function bound(library: string) {
  const outputs = '_Out_ int* w, _Out_ int* h, _Out_ int* c, _Out_ int64_t* warnings';
  try {
    const uncompress = koffi
      .load(library)
      .func(`void* ${UNCOMPRESS}(const void* source, int size, const void* flags, ${outputs})`);
    // As the library itself finds it: an allocator may have been loaded before libc (LD_PRELOAD).
    const free = koffi.load(null).func(`void ${DELETE_ARRAY}(void* memory)`);
    return { uncompress, free };
  } catch {
    return undefined;
  }
}

/** UncompressFlags of TensorFlow 2.21 (jpeg_mem.h): 3 components, no scaling, no cropping. */
function uncompressFlags(): Uint8Array {
  const flags = new DataView(new ArrayBuffer(44));
  flags.setInt32(0, 1, true); // ratio
  flags.setInt32(4, 3, true); // components
  flags.setUint8(8, 1); // fancy_upscaling
  flags.setUint8(9, 0); // try_recover_truncated_jpeg
  flags.setFloat32(12, 1, true); // min_acceptable_fraction
  flags.setInt32(16, 0, true); // stride: as wide as the image
  flags.setInt32(20, 0, true); // dct_method: JDCT_ISLOW
  flags.setUint8(24, 0); // crop, whose box takes the rest
  return new Uint8Array(flags.buffer);
}
