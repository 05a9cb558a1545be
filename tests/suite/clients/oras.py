"""Lets the test of the whole speak through oras: HOST ACTION TARGET ARGUMENT..."""

import sys

import oras.client
import oras.oci

host, action, target, *arguments = sys.argv[1:]
client = oras.client.OrasClient(hostname=host, insecure=True)
target = f"{host}/{target}"
if action == "push":
    chunked, *files = arguments
    size = int(chunked) or 1
    print(client.push(target=target, files=files, disable_path_validation=True, quiet=True,
                      do_chunked=chunked != "0", chunk_size=size).headers["Docker-Content-Digest"])
elif action == "attach":
    media_type, digest, size, *files = arguments
    subject = oras.oci.Subject(mediaType=media_type, digest=digest, size=int(size))
    print(client.push(target=target, files=files, disable_path_validation=True, quiet=True,
                      subject=subject).headers["Docker-Content-Digest"])
elif action == "pull":
    print("\n".join(client.pull(target=target, outdir=arguments[0])))
elif action == "tags":
    print("\n".join(client.get_tags(target)))
elif action == "delete":
    print(client.delete_tags(target, arguments))
else:
    sys.exit(f"no action {action}")
