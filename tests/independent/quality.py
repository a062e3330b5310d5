"""The quality of speech as ITU-T P.862.2 (PESQ, wide band) estimates it, 1 to 4.64: quality.py ORIGINAL HEARD...

All are WAV files of one channel, 16 bit, 48 kHz. A line with the score of each that was heard is printed."""

import sys
import wave

import numpy
from pesq import pesq


def read(path):
    """Samples at 16 kHz: a third of those in the file, behind a filter that takes away what is above 7.6 kHz."""
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 48_000), path
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / 32_768
    at = numpy.arange(-90, 91)
    share = 2 * 7_600 / 48_000
    low = share * numpy.sinc(share * at) * numpy.blackman(len(at))
    return numpy.convolve(samples, low, "same")[::3]


original = read(sys.argv[1])
for path in sys.argv[2:]:
    heard = read(path)
    length = min(len(original), len(heard))
    print(round(pesq(16_000, original[:length], heard[:length], "wb"), 3))
