"""Subject: whose body an image or a mask lies in, and on which images it was drawn."""

from dataclasses import dataclass

Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(frozen=True, repr=False)
class Subject:
    """What a file says of where it belongs, as far as it does; it is never written to a file.

    Attributes:
        patient, issuer: digests of the patient's number and of who gave it; "" if unknown.
        frames: UIDs of the frames of reference that its coordinates refer to.
        series, images: UIDs of the series and the images that it is.
        drawn_series, drawn_on: UIDs of the series and the images that it was made from.
        placed: whether its header says where it lies in the patient.
    """

    patient: str = ""
    issuer: str = ""
    frames: Names = NONE
    series: Names = NONE
    images: Names = NONE
    drawn_series: Names = NONE
    drawn_on: Names = NONE
    placed: bool = False

    def contradiction(self, image: "Subject") -> str:
        """Return what keeps a mask of this subject from belonging to an image; "" for nothing.

        What only one of the two states contradicts nothing.
        """
        if self.of_another(image):
            return "is of another patient than the image (another PatientID)"
        if self._of(image) or (self._of_series(image) and not self.drawn_on):
            return ""
        if self._apart(image):
            return "lies in another frame of reference than the image (FrameOfReferenceUID)"
        if self._together(image) or not self._made_elsewhere(image):
            return ""
        return "was drawn on another image (by the UIDs of the images that it names)"

    def remark(self, image: "Subject") -> str:
        """Return what is odd about a mask that contradicts nothing; "" for nothing."""
        if self._of(image) or self._of_series(image):
            known = "names the image that it was drawn on, but another frame of reference"
            return known if self._apart(image) else ""
        if self._together(image) and self._made_elsewhere(image):
            return "was drawn on another series, in the same frame of reference"
        return ""

    def of_another(self, other: "Subject") -> bool:
        """Whether both state a patient, and not the same one."""
        if not (self.patient and other.patient):
            return False
        return self.patient != other.patient or _differ(self.issuer, other.issuer)

    def _of(self, image: "Subject") -> bool:
        """Whether both go back to one image."""
        return bool((self.images | self.drawn_on) & (image.images | image.drawn_on))

    def _of_series(self, image: "Subject") -> bool:
        """Whether both go back to one series."""
        own, other = self.series | self.drawn_series, image.series | image.drawn_series
        return bool(own & other)

    def _apart(self, image: "Subject") -> bool:
        return bool(self.frames and image.frames) and not self.frames <= image.frames

    def _together(self, image: "Subject") -> bool:
        return bool(self.frames) and self.frames <= image.frames

    def _made_elsewhere(self, image: "Subject") -> bool:
        """Whether it names images of which this is none.

        Slices of a series without a frame of reference share one all the same; X-rays do not.
        """
        if self._of_series(image):
            return bool(self.drawn_on and image.images) and not (image.placed or self._of(image))
        series = bool(self.drawn_series and image.series)
        return series or bool(self.drawn_on and image.images)


def _differ(one: str, other: str) -> bool:
    return bool(one and other) and one != other
