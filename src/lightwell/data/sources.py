"""What the catalogue knows of each data set: facts, official files, and the folders they usually lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lightwell.data.class_names import CLASS_NAMES


@dataclass(frozen=True)
class OfficialFile:
    """One file as its authors publish it.

    Attributes
    ----------
    name : str
        File name.
    url : str
        Where it is published (or a mirror in general use); empty where only its authors' page hands it out.
    size : int or None
        Bytes, where known.
    digest : str or None
        ``"sha256:..."`` or ``"md5:..."``; None where no digest is known, so only the size is checked.
    optional : bool
        Whether the data set loads without it.
    """

    name: str
    url: str
    size: int | None = None
    digest: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Source:
    """One entry of the catalogue.

    Attributes
    ----------
    name : str
        What :func:`lightwell.data.load` takes.
    title : str
        What a report calls it.
    n : int
        Number of labelled examples.
    shape : tuple of int
        Height, width, channels.
    licence : str
        Terms, as far as its authors state any.
    citation : str
        What to cite.
    files : tuple of OfficialFile
        What ``fetch`` gets; empty where the package holds the data.
    layouts : tuple of str
        Where these files lie below a data folder: paths of folders or archives, best first.
    marks : tuple of str
        Files by any of which such a folder is recognised.
    remark : str
        What else to know.

    Examples
    --------
    >>> SOURCES["cifar10"].n_classes
    10
    """

    name: str
    title: str
    n: int
    shape: tuple[int, int, int]
    licence: str
    citation: str
    files: tuple[OfficialFile, ...] = ()
    layouts: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    remark: str = ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the official label codes."""
        return CLASS_NAMES[self.name]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def _idx_files(base: str, facts: dict[str, tuple[int, str]]) -> tuple[OfficialFile, ...]:
    return tuple(
        OfficialFile(f"{stem}-ubyte.gz", f"{base}{stem}-ubyte.gz", size, f"sha256:{digest}")
        for stem, (size, digest) in facts.items()
    )


_IDX_MARKS = tuple(f"t10k-labels{dot}idx1-ubyte{suffix}" for dot in ("-", ".") for suffix in ("", ".gz"))
_MNIST_TERMS = "Y. LeCun and C. Cortes; commonly given as CC BY-SA 3.0"
_MNIST_PAPER = (
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition. "
    "Proceedings of the IEEE 86(11), 1998"
)
_CIFAR_PAPER = "A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images. 2009"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_DSPRITES_URL = "https://github.com/google-deepmind/dsprites-dataset/raw/master/"
_HOUSENUMBERS = "http://ufldl.stanford.edu/housenumbers/"

_DSPRITES_FILE = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz"
_DSPRITES_TERMS = "Apache 2.0"
_DSPRITES_PAPER = (
    "L. Matthey, I. Higgins, D. Hassabis, A. Lerchner: dSprites: Disentanglement testing Sprites. 2017"
)
_MPI3D_PAPER = (
    "M. W. Gondal and others: On the Transfer of Inductive Bias from Simulation to the Real World: a New "
    "Disentanglement Dataset. NeurIPS, 2019"
)
_UCR_PAPER = (
    "H. A. Dau and others: The UCR Time Series Archive. IEEE/CAA Journal of Automatica Sinica 6(6), 2019"
)
_BY_HAND = "Get the files by hand from the page of the authors, and name their folder with data_dir."


def _dsprites(variant: str, title: str, channels: int, remark: str = "") -> Source:
    drawn = "Drawn from its geometry, without data_dir; a few pixels may differ from the official ones."
    files = () if variant else (OfficialFile(_DSPRITES_FILE, _DSPRITES_URL + _DSPRITES_FILE, optional=True),)
    return Source(
        f"dsprites{variant}",
        title,
        737_280,
        (64, 64, channels),
        _DSPRITES_TERMS,
        _DSPRITES_PAPER,
        files=files,
        layouts=(_DSPRITES_FILE,),
        remark=f"{drawn} {remark}".rstrip(),
    )


def _mpi3d(kind: str, n: int, file: str, digest: str | None, remark: str = "") -> Source:
    url = f"https://storage.googleapis.com/disentanglement_dataset/Final_Dataset/{file}" if digest else ""
    return Source(
        f"mpi3d-{kind}",
        f"MPI3D, {kind}",
        n,
        (64, 64, 3),
        "CC BY 4.0",
        _MPI3D_PAPER,
        files=(OfficialFile(file, url, digest=digest),),
        layouts=(file, f"mpi3d/{file}"),
        remark=f"Its images are copied once to an .npy beside the npz; n draws a part. {remark}".rstrip(),
    )


_ENTRIES = (
    Source(
        "mnist-mini",
        "MNIST, the 10,000 test images",
        10_000,
        (28, 28, 1),
        _MNIST_TERMS,
        _MNIST_PAPER,
        remark="Ships inside the package. Its train and test part are a fixed stratified 8,000/2,000 split "
        "of the official test files, so its numbers are not those of MNIST.",
    ),
    Source(
        "mnist",
        "MNIST",
        70_000,
        (28, 28, 1),
        _MNIST_TERMS,
        _MNIST_PAPER,
        files=_idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            {
                "train-images-idx3": (
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                "train-labels-idx1": (
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                "t10k-images-idx3": (
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                "t10k-labels-idx1": (
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            },
        ),
        layouts=("MNIST/raw", "MNIST"),
        marks=_IDX_MARKS,
    ),
    Source(
        "fashion-mnist",
        "Fashion-MNIST",
        70_000,
        (28, 28, 1),
        "MIT, (c) 2017 Zalando SE",
        "H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
        "Learning Algorithms. 2017",
        files=_idx_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            {
                "train-images-idx3": (
                    26_421_880,
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                ),
                "train-labels-idx1": (
                    29_515,
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                ),
                "t10k-images-idx3": (
                    4_422_102,
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                ),
                "t10k-labels-idx1": (
                    5_148,
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            },
        ),
        layouts=("FashionMNIST/raw", "FashionMNIST"),
        marks=_IDX_MARKS,
    ),
    Source(
        "cifar10",
        "CIFAR-10",
        60_000,
        (32, 32, 3),
        "none stated; a labelled subset of 80 Million Tiny Images",
        _CIFAR_PAPER,
        files=(
            OfficialFile(
                "cifar-10-python.tar.gz",
                f"{_TORONTO}cifar-10-python.tar.gz",
                170_498_071,
                "md5:c58f30108f718f92721af3b95e74349a",
            ),
        ),
        layouts=(
            "cifar-10-batches-py",
            "cifar-10-batches-bin",
            "cifar-10-python.tar.gz",
            "cifar-10-binary.tar.gz",
        ),
        marks=("data_batch_1", "data_batch_1.bin"),
    ),
    Source(
        "cifar100",
        "CIFAR-100",
        60_000,
        (32, 32, 3),
        "none stated; a labelled subset of 80 Million Tiny Images",
        _CIFAR_PAPER,
        files=(
            OfficialFile(
                "cifar-100-python.tar.gz",
                f"{_TORONTO}cifar-100-python.tar.gz",
                digest="md5:eb9058c3a382ffc7106e4002c42a8d85",
            ),
        ),
        layouts=(
            "cifar-100-python",
            "cifar-100-binary",
            "cifar-100-python.tar.gz",
            "cifar-100-binary.tar.gz",
        ),
        marks=("meta", "train.bin"),
        remark="The labels are the 100 fine ones.",
    ),
    Source(
        "svhn",
        "SVHN, cropped digits",
        99_289,
        (32, 32, 3),
        "non-commercial use only",
        "Y. Netzer and others: Reading Digits in Natural Images with Unsupervised Feature Learning. NIPS "
        "workshop, 2011",
        files=(
            OfficialFile(
                "train_32x32.mat",
                f"{_HOUSENUMBERS}train_32x32.mat",
                digest="md5:e26dedcc434d2e4c54c9b2d4a06d8373",
            ),
            OfficialFile(
                "test_32x32.mat",
                f"{_HOUSENUMBERS}test_32x32.mat",
                digest="md5:eb5a983be6a315427106f1b164d9cef3",
            ),
            OfficialFile(
                "extra_32x32.mat",
                f"{_HOUSENUMBERS}extra_32x32.mat",
                digest="md5:a93ce644f1a588dc4d68dda5feec44a7",
                optional=True,
            ),
        ),
        layouts=("SVHN",),
        marks=("test_32x32.mat",),
        remark="The 531,131 extra images become a part 'extra' where their file lies beside the others; "
        "they are not fetched.",
    ),
    Source(
        "tiny-imagenet",
        "Tiny ImageNet",
        110_000,
        (64, 64, 3),
        "ImageNet's terms: non-commercial research and education only",
        "Y. Le, X. Yang: Tiny ImageNet Visual Recognition Challenge. CS 231N, 2015",
        files=(
            OfficialFile(
                "tiny-imagenet-200.zip",
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                248_100_043,
                "md5:90528d7ca1a48142e341f4ef8d21d0de",
            ),
        ),
        layouts=("tiny-imagenet-200", "tiny-imagenet-200.zip"),
        marks=("wnids.txt",),
        remark="Label codes follow wnids.txt, or the sorted folders with class_order='folder'. The official "
        "test part has no labels; benchmarks test on 'val'.",
    ),
    _dsprites("", "dSprites, label dominated by the shape", 1),
    _dsprites("-balanced", "dSprites, label balanced in every shape", 1),
    _dsprites("-colour", "dSprites, each in a colour of its own", 3),
    _dsprites("-noisy", "dSprites on noise", 3),
    _dsprites("-scream", "dSprites on a picture of yours", 3, "data_dir is the picture."),
    _mpi3d("toy", 1_036_800, "mpi3d_toy.npz", "md5:55889cb7c7dfc655d6e0277beee88868"),
    _mpi3d("realistic", 1_036_800, "mpi3d_realistic.npz", "md5:59a6225b88b635365f70c91b3e52f70f"),
    _mpi3d("real", 1_036_800, "mpi3d_real.npz", "md5:0f33f609918fb5c97996692f91129802"),
    _mpi3d("complex", 460_800, "real3d_complicated_shapes_ordered.npz", None, _BY_HAND),
    Source(
        "celeba",
        "CelebA, ten attributes, 64 x 64",
        202_599,
        (64, 64, 3),
        "non-commercial research only; the images belong to their owners",
        "Z. Liu, P. Luo, X. Wang, X. Tang: Deep Learning Face Attributes in the Wild. ICCV, 2015",
        files=(
            OfficialFile("list_attr_celeba.txt", ""),
            OfficialFile("img_align_celeba.zip", ""),
            OfficialFile("list_eval_partition.txt", "", optional=True),
        ),
        layouts=("celeba", "CelebA"),
        marks=("list_attr_celeba.txt", "list_attr_celeba.csv"),
        remark=f"Unpack the images; the tables may be .csv. {_BY_HAND}",
    ),
    Source(
        "ecg5000",
        "ECG5000, heartbeats of one patient",
        5_000,
        (140, 1, 1),
        "none stated by the archive (free for research); beats of the BIDMC database, ODC-By 1.0",
        _UCR_PAPER,
        files=(OfficialFile("ECG5000.zip", ""),),
        layouts=("ECG5000", "ECG5000.zip", "ecg5000_txt.zip", "ecg5000.npz"),
        marks=tuple(f"ECG5000_TRAIN{form}" for form in (".ts", ".txt", ".tsv", ".arff")),
        remark="Get ECG5000.zip by hand from timeseriesclassification.com (.ts, .txt, .arff), or the .tsv "
        "files of the UCR archive, and name it or their folder with data_dir. No licence lets it ship in the "
        "package.",
    ),
)

SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _ENTRIES})
"""The catalogue by name."""
