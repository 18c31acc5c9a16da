"""Published data sets that are known by name: where they are, and fetching one.

How a file is fetched belongs to ``download``; what is done with it afterwards, to ``omics``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.progress import TransferSpeedColumn as Speed

from aehpo_assets.datasets.download import beside, download, read_url
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import escaped, quoted, visible
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


def fetch_source(source: Source, folder: Path, console: Console) -> list[Path]:
    """Fetch the files of a source that are not there yet, with a bar and a line for each.

    Parameters
    ----------
    source
        The source.
    folder
        Folder the files go to.
    console
        Where to print.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If a file cannot be had, or is not the one that was published.
    AehpoError
        If a transfer broke off too often.
    """
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), DownloadColumn(), Speed())
    paths = []
    with Bars(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
        for file in source.listed_files():
            path = folder / file.name
            bar = bars.add_task(escaped(file.name), total=file.size)
            checksum = download(
                file.url,
                path,
                checksum=file.checksum,
                size=file.size,
                on_progress=partial(_show, bars, bar),
            )
            bars.remove_task(bar)
            note = "as published"
            if file.checksum is None:
                note = f"no published checksum is known; recorded in {beside(path, '.sha256').name}"
            line = f"{escaped(path)}\n  {checksum} ({escaped(note)})"
            console.print(line, soft_wrap=True, highlight=False)
            paths.append(path)
    return paths


def _show(bars: Bars, bar: TaskID, done: int, total: int | None) -> None:
    bars.update(bar, completed=done, total=total)


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
