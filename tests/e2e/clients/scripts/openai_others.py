"""The OpenAI SDK, all but conversations.  See harness.py."""

import io
from collections.abc import Callable
from typing import Any

import openai
from harness import Setup, expect, picture, run, within

SOUND = bytes(range(256)) * 20


class Others:
    """One model, by this SDK."""

    def __init__(self, setup: Setup, model: str) -> None:
        self.model = model
        self.client = openai.OpenAI(
            base_url=f"{setup.url}/v1",
            api_key=setup.key,
            max_retries=0,
            timeout=30,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )

    def embeddings(self) -> None:
        """As the SDK asks by itself (base64), and as numbers."""
        for options in ({}, {"encoding_format": "float"}):
            asked: Any = {"model": self.model, "input": ["four", "seventy"], **options}
            found = self.client.embeddings.create(**asked)
            expect([each.embedding for each in found.data], [[4.0, 0.5, 0.5, 0.5], [7.0, 0.5, 0.5, 0.5]])
            assert found.usage.prompt_tokens > 0, found.usage

    def completions(self) -> None:
        """Plain and streamed."""
        asked: Any = {"model": self.model, "prompt": "Once upon a time", "max_tokens": 64}
        wanted = "heard: Once upon a time"
        expect(self.client.completions.create(**asked).choices[0].text, wanted)
        chunks = self.client.completions.create(**asked, stream=True)
        expect("".join(choice.text for chunk in chunks for choice in chunk.choices), wanted, "stream")

    def moderations(self) -> None:
        """What is bad is flagged."""
        found = self.client.moderations.create(model=self.model, input=["fine", "bad"])
        expect([each.flagged for each in found.results], [False, True])

    def images(self) -> None:
        """One is made; one is changed, which comes as a form."""
        made = self.client.images.generate(model=self.model, prompt="A dot", n=1)
        assert made.data
        within("iVBOR", made.data[0].b64_json)
        changed = self.client.images.edit(model=self.model, prompt="Another", image=("dot.png", picture(), "image/png"))
        assert changed.data
        within("iVBOR", changed.data[0].b64_json)

    def speech(self) -> None:
        """Sound in pieces, whole."""
        with self.client.audio.speech.with_streaming_response.create(
            model=self.model, input="Hello", voice="alloy"
        ) as answer:
            sound = b"".join(answer.iter_bytes())
        expect((sound[:3], len(sound)), (b"ID3", 4 + 256 * 64))

    def transcriptions(self) -> None:
        """Sound in a form; the words as JSON and as text."""
        for form, read in (("json", lambda found: found.text), ("text", str)):
            asked: Any = {"model": self.model, "file": ("a.wav", io.BytesIO(SOUND)), "response_format": form}
            within(f"heard {len(SOUND)} bytes of sound", read(self.client.audio.transcriptions.create(**asked)))

    def models(self) -> None:
        """The list, and one of them."""
        assert self.model in [each.id for each in self.client.models.list()]
        expect(self.client.models.retrieve(self.model).id, self.model)


def scenarios(setup: Setup, model: str) -> dict[str, Callable[[], object]]:
    """By name."""
    it = Others(setup, model)
    tried = (it.embeddings, it.completions, it.moderations, it.images, it.speech, it.transcriptions, it.models)
    return {each.__name__: each for each in tried}


if __name__ == "__main__":
    run(scenarios, openai.__version__)
