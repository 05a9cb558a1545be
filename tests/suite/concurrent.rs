//! Many clients at once that push images which share layers: everybody's images are whole afterwards.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use wharf_tests::{
    Answer, Blob, Client, Connection, Image, Layer, Layout, Request, Server, Settings, noise, scratch,
    sha256, with_query,
};

/// How many clients push at the same time. Every fourth of them is crane.
const CLIENTS: usize = 16;
const IMAGES: usize = 50;
/// How many layers there are for all images, and how many of them an image takes.
const LAYERS: usize = 24;
const LAYERS_PER_IMAGE: usize = 8;
/// How many repositories the images go to.
const REPOSITORIES: usize = 5;

#[test]
fn fifty_images_of_shared_layers_pushed_by_sixteen_clients_at_once_are_whole() {
    let server = Server::wharf(&Settings::filesystem());
    let images = images();
    let scratch = scratch();
    let layouts: Vec<Layout> = images
        .iter()
        .enumerate()
        .map(|(n, image)| image.write_layout(&scratch.path().join(n.to_string()), "latest"))
        .collect();
    let crane = Client::named_by("WHARF_TESTS_CRANE", "crane");
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, images, layouts, crane, next) = (&server, &images, &layouts, &crane, &next);
            scope.spawn(move || {
                while let Some(n) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < IMAGES) {
                    let reference = format!("{}/{}:{n}", server.address(), repository(n));
                    match crane {
                        Some(crane) if client % 4 == 0 => {
                            drop(crane.run(&["push", layouts[n].folder.to_str().unwrap(), &reference]));
                        }
                        _ => push(server, n, &images[n]).unwrap_or_else(|error| panic!("image {n}: {error}")),
                    }
                }
            });
        }
    });
    for (n, image) in images.iter().enumerate() {
        server.assert_holds(&repository(n), &n.to_string(), image);
        server.assert_holds(&repository(n), &image.manifest.digest, image);
    }
    for n in 0..REPOSITORIES {
        let tags = server.get(&format!("/v2/{}/tags/list", repository(n))).expect(200).json();
        assert_eq!(tags["tags"].as_array().map(Vec::len), Some(IMAGES / REPOSITORIES), "{tags}");
    }
}

fn repository(n: usize) -> String {
    format!("house/number-{}", n % REPOSITORIES)
}

/// Makes the images: every layer is in a third of them.
fn images() -> Vec<Image> {
    let sizes = [2_000, 40_000, 300_000, 1_500_000];
    let layers: Vec<Layer> =
        (0..LAYERS).map(|n| Layer::new(900 + n as u64, sizes[n % sizes.len()])).collect();
    let image = |n: usize| {
        let mut drawn = layers.clone();
        // Each image draws without putting back, from the same shuffled heap as everyone.
        let luck = noise(n as u64, LAYERS_PER_IMAGE);
        let drawn = luck.iter().map(|luck| drawn.remove(usize::from(*luck) % drawn.len())).collect();
        Image::of_layers(drawn)
    };
    (0..IMAGES).map(image).collect()
}

/// Pushes as real clients do: asks first, then sends in one of three ways, all on one connection.
fn push(server: &Server, n: usize, image: &Image) -> io::Result<()> {
    let mut connection = Connection::open(server.address())?;
    let repository = repository(n);
    for (way, blob) in image.blobs().enumerate() {
        let target = format!("/v2/{repository}/blobs/{}", blob.digest);
        if tell(&mut connection, &Request::head(&target))?.status == 404 {
            send_blob(&mut connection, &repository, blob, n + way)?;
        }
    }
    let target = format!("/v2/{repository}/manifests/{n}");
    let put = Request::put(&target).header("Content-Type", image.manifest.media_type);
    let answer = tell(&mut connection, &put.body(image.manifest.bytes.clone()))?.expect(201);
    assert_eq!(answer.the("docker-content-digest"), sha256(&image.manifest.bytes));
    Ok(())
}

fn send_blob(connection: &mut Connection, repository: &str, blob: &Blob, way: usize) -> io::Result<()> {
    let start = Request::post(&format!("/v2/{repository}/blobs/uploads/"));
    let mut at = tell(connection, &start)?.expect(202).location();
    let digest = format!("digest={}", blob.digest);
    let mut rest = blob.bytes.clone();
    match way % 3 {
        0 => {}
        1 => {
            at = tell(connection, &Request::patch(&at).body(rest))?.expect(202).location();
            rest = bytes::Bytes::new();
        }
        _ => {
            let first = rest.split_to(rest.len() / 3);
            at = tell(connection, &Request::patch(&at).pieces(vec![first]))?.expect(202).location();
        }
    }
    tell(connection, &Request::put(&with_query(&at, &digest)).body(rest))?.assert_status(201);
    Ok(())
}

fn tell(connection: &mut Connection, request: &Request) -> io::Result<Answer> {
    connection.send(request)?;
    connection.answer(request.method())
}
