"""What the sentence alone gives away about whether its thing is there: naive Bayes over words, without any image."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def words_only(sentences: Sequence[str], present: Sequence[bool]) -> NDArray[np.bool_]:
    """Guess presence from words, each sentence by a model that has seen every sentence but that one.

    Multinomial naive Bayes with add-one smoothing. All copies of a sentence are left out together; otherwise its own
    copy in another image would answer for it. Where each sentence is asked as often where its thing is as where it is
    not, the guesses therefore are right exactly half of the time.

    Args:
        sentences: (N,) what is asked; copies count each.
        present: (N,) the truth.

    Returns:
        (N,) guesses.
    """
    bags = {sentence: Counter(re.findall(r"\w+", sentence.lower())) for sentence in sentences}
    places: dict[str, list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        places[sentence].append(index)
    samples = np.zeros(2)
    words: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for sentence, truth in zip(sentences, present, strict=True):
        samples[int(truth)] += 1
        words[int(truth)].update(bags[sentence])
    vocabulary = len(set(words[0]) | set(words[1]))
    guesses = np.zeros(len(sentences), dtype=bool)
    for sentence, indices in places.items():
        own = np.bincount([int(present[index]) for index in indices], minlength=2)
        evidence = np.log(samples - own + 1)
        for side in (0, 1):
            total = words[side].total() - own[side] * bags[sentence].total() + vocabulary
            for word, times in bags[sentence].items():
                seen = words[side][word] - own[side] * times + 1
                evidence[side] += times * np.log(seen / total)
        guesses[indices] = evidence[1] > evidence[0]
    return guesses
