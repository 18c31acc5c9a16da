"""Published data sets that are known by name: where they are, and fetching one.

How a file is fetched belongs to ``download``; what is done with it afterwards, to ``omics``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aehpo_assets.datasets.download import read_url
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted, visible
from aehpo_assets.limits import read_json


@dataclass(frozen=True)
class RemoteFile:
    """A file to fetch; ``checksum`` and ``size`` (bytes) only where they are published."""

    name: str
    url: str
    checksum: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Source:
    """A published data set.

    Parameters
    ----------
    name
        What it is called here.
    title
        What it is.
    origin
        The page a person reads about it.
    files
        Its files, where they are known beforehand.
    record
        Address of its record in the Zenodo API, which lists its files with their checksums.
    """

    name: str
    title: str
    origin: str
    files: tuple[RemoteFile, ...] = ()
    record: str | None = None

    def listed_files(self) -> tuple[RemoteFile, ...]:
        """Return its files, as the record lists them now if it has one."""
        return self.files if self.record is None else _zenodo_files(self.record)


_XENA = "https://tcga-pancan-atlas-hub.s3.us-east-1.amazonaws.com/download/"
_GTEX = "https://storage.googleapis.com/adult-gtex/"

SOURCES = {
    source.name: source
    for source in (
        Source(
            "reference_study",
            "Data of the reference study: TCGA, SCHC and ontologies",
            "https://zenodo.org/records/13691753",
            record="https://zenodo.org/api/records/13691753",
        ),
        Source(
            "tcga_pancan",
            "TCGA PANCAN: batch-corrected gene expression, and phenotypes",
            "https://xenabrowser.net/datapages/?host=https://pancanatlas.xenahubs.net",
            files=(
                RemoteFile(
                    "EB++AdjustPANCAN_IlluminaHiSeq_RNASeqV2.geneExp.xena.gz",
                    # A literal + would be read as a space there.
                    _XENA + "EB%2B%2BAdjustPANCAN_IlluminaHiSeq_RNASeqV2.geneExp.xena.gz",
                ),
                RemoteFile(
                    "TCGA_phenotype_denseDataOnlyDownload.tsv.gz",
                    _XENA + "TCGA_phenotype_denseDataOnlyDownload.tsv.gz",
                ),
            ),
        ),
        Source(
            "gtex_v8",
            "GTEx V8: gene TPM of each sample, and the samples' attributes",
            "https://gtexportal.org/home/downloads/adult-gtex/bulk_tissue_expression",
            files=(
                RemoteFile(
                    "GTEx_Analysis_2017-06-05_v8_RNASeQCv1.1.9_gene_tpm.gct.gz",
                    _GTEX + "bulk-gex/v8/rna-seq/"
                    "GTEx_Analysis_2017-06-05_v8_RNASeQCv1.1.9_gene_tpm.gct.gz",
                ),
                RemoteFile(
                    "GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt",
                    _GTEX + "annotations/v8/metadata-files/"
                    "GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt",
                ),
            ),
        ),
    )
}
"""The sources by name. No published checksums of the files of Xena and GTEx are known."""


def find_source(name: str) -> Source:
    """Return the source of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in SOURCES:
        raise InputError(f"no source is called {name}", remedy=f"Choose of {', '.join(SOURCES)}.")
    return SOURCES[name]


def _zenodo_files(record: str) -> tuple[RemoteFile, ...]:
    """Read the files of a record (Zenodo REST API, *Records*, version of 2023)."""
    try:
        files = tuple(
            RemoteFile(
                str(entry["key"]),
                str(entry["links"]["self"]),
                str(entry["checksum"]),
                int(entry["size"]),
            )
            for entry in read_json(read_url(record))["files"]
        )
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        problem = f"lists no files as Zenodo does ({type(error).__name__}: {error})"
        raise InputError(problem, file=record, remedy="Try again later.") from error
    for file in files:
        hidden = file.name.startswith(".") or visible(file.name) != file.name
        if hidden or Path(file.name).name != file.name or not file.name:
            problem = f"{quoted(file.name)} is no file name"
            raise InputError(problem, file=record, key="files", remedy="Fetch it by hand.")
    return files
