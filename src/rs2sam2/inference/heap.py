"""glibc's heap, told what to do with memory that is freed. Nothing happens where the C library has no such settings."""

import ctypes

# Of malloc.h, mallopt(3).
_TRIM_THRESHOLD, _SIZE_OF_ITS_OWN, _ARENAS = -1, -3, -8
_LARGE = 1 << 20
_LARGER = 8 << 20
_SOME = 32 << 20
_KEPT = 1 << 30


def keep_small() -> None:
    """Two heaps for all threads, and large arrays outside them: gone when freed, so that memory stays what is used.

    For servers. Left alone, glibc gives each thread a heap that never shrinks below its largest
    moment, and moves arrays of up to 32 MB into it. To be called before threads begin.
    """
    _set({_ARENAS: 2, _SIZE_OF_ITS_OWN: _LARGE})


def keep_some() -> None:
    """One heap for all threads, which keeps up to 32 MB that is freed, and only what is larger than 8 MB outside it.

    For large rasters, whose arrays come again with every tile: giving their pages back and taking them again is a
    third of the work. With several heaps, each grows to the largest moment of whatever thread comes across it. To be
    called before threads begin.
    """
    _set({_ARENAS: 1, _SIZE_OF_ITS_OWN: _LARGER, _TRIM_THRESHOLD: _SOME})


def give_back() -> None:
    """What is free goes back to the system, whatever is kept otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def keep_freed() -> None:
    """Up to 1 GB that is freed stays with this process, but for arrays of more than 32 MB.

    For commands that run a large model once or a few times. Left alone, glibc gives every large array back to the
    system at once. A forward pass frees and takes hundreds of them, and the system clears their pages each time: a
    tenth of the time of the paper's model, a third of that of its first blocks (`rs2sam2 bench model`). The few that
    are larger would leave holes that nothing fits into: 150 MB.
    """
    _set({_SIZE_OF_ITS_OWN: _SOME, _TRIM_THRESHOLD: _KEPT})


def _set(values: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in values.items():
            mallopt(name, value)
