"""Many faults at once, none of which tus 1.0.0 forbids. They keep the levels of the checks apart:
a check at MUST must not fail for what only a SHOULD, or advice, says.
"""

from __future__ import annotations

from tests.conformance.faults import (
    appending,
    checksums,
    concatenation,
    creation,
    deferral,
    downloads,
    finals,
    first_bytes,
    heads,
    interruption,
    lives,
    metadata,
    versions,
)


class NoAdviceFollowed(
    appending.CompleteUploadTakesNoPatch,
    appending.ConflictTellsNoOffset,
    appending.EmptyPatchRefused,
    appending.TypeComparedLetterByLetter,
    appending.WhateverIntTakesIsANumber,
    checksums.AlgorithmJudgedFirst,
    checksums.MalformedChecksumIsAMismatch,
    concatenation.AbsoluteUrlsRefused,
    concatenation.EarlyDownloadNotToldWhenToComeAgain,
    concatenation.FinalNeedsTwo,
    concatenation.PartialTakesNoBytesAtFirst,
    concatenation.PartialsUsedUp,
    concatenation.SamePartOnce,
    creation.FormTypeRefused,
    creation.LastSlashNeeded,
    creation.LocationIsAbsolute,
    creation.ReasonIsAWebPage,
    deferral.BothLengthsTaken,
    deferral.LengthOfTheOffsetRefused,
    downloads.BegunUploadsHandedOut,
    downloads.NoOriginAllowed,
    downloads.PutIs404,
    downloads.RangesIgnored,
    finals.AnotherFinalEachTime,
    finals.AnySourceTaken,
    finals.BodyOfAFinalIgnored,
    finals.LengthOfAFinalIgnored,
    first_bytes.BodyOfAnotherTypeIgnored,
    first_bytes.DeferredCreationTakesNoBytes,
    heads.HeadIs204,
    heads.MalformedIdIs400,
    heads.RefusedHeadsMayBeCached,
    lives.CompleteUploadsTellAnExpiry,
    lives.DeleteWaitsForThePatch,
    lives.HeadTellsNoExpiry,
    metadata.EmptyMetadataRefused,
    versions.AllowNotTold,
    versions.OptionsAre204,
    versions.OptionsOfUploadsTellLess,
    versions.OverrideInCapitalsOnly,
    versions.VersionNotToldByDownloads,
):
    """What is advice only, or open, it does otherwise."""


class OnlyTheNecessary(
    appending.AnyTypeTaken,
    appending.ChunkedBodiesRefused,
    first_bytes.ContinueSaidAtOnce,
    interruption.BodiesStoredWhole,
    interruption.SilentPatchHoldsTheUpload,
    lives.DeleteOfWhatIsGoneIs204,
    NoAdviceFollowed,
    downloads.NothingHandedOut,
):
    """Nor does it what it only should."""

    extensions = tuple(name for name in NoAdviceFollowed.extensions if name != "checksum-trailer")
