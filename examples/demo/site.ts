/**
 * The site that the demo reads: a tea shop on a free port of this machine. It has an index, five shelves, fifty teas, and one
 * link to a page that does not exist. Each page carries a seal, a signed token with the name of its tea. One seal is forged.
 *
 * @module
 */

import { SignJWT } from "npm:jose@6.1.0";

const SHELVES: Readonly<Record<string, string>> = {
  black: "Assam Ceylon Darjeeling Dianhong Keemun Lapsang Nilgiri Rize Sikkim Yunnan",
  green: "Bancha Biluochun Genmaicha Gyokuro Hojicha Kukicha Longjing Maofeng Matcha Sencha",
  oolong: "Alishan Bailu Dahongpao Dongding Fenghuang Jinxuan Rougui Shuixian Tieguanyin Wuyi",
  white: "Baihao Drum Gongmei Jasmine Kenya Malawi Moonlight Shoumei Silver Snowbud",
  herbal: "Anise Chamomile Fennel Ginger Hibiscus Lemon Linden Mint Rooibos Verbena",
};

/** The tea with the forged seal: another key has signed it. */
const FORGED = "Matcha";

/** The tea shop while it is served. */
export interface Site extends AsyncDisposable {
  /** The URL of the front page. */
  readonly url: string;
  /** The key with which the seals are signed. */
  readonly key: Uint8Array;
}

/** Serves the tea shop. */
export async function openSite(): Promise<Site> {
  const key = crypto.getRandomValues(new Uint8Array(32));
  const pages = await writePages(key);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    await new Promise((resolve) => setTimeout(resolve, delayOf(pathname)));
    const page = pages.get(pathname);
    return page ? new Response(page) : new Response("gone", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    key,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function writePages(key: Uint8Array): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  const shelves = Object.keys(SHELVES).map((shelf) => `/${shelf}`);
  pages.set("/", await page("Tea shop", [...shelves, "/sale"], key));
  for (const [shelf, names] of Object.entries(SHELVES)) {
    const teas = names.split(" ");
    const links = teas.map((tea) => `/${shelf}/${tea.toLowerCase()}`);
    pages.set(`/${shelf}`, await page(`${shelf} teas`, links, key));
    for (const [i, tea] of teas.entries()) {
      pages.set(links[i], await page(tea, [], tea === FORGED ? new Uint8Array(32) : key));
    }
  }
  return pages;
}

async function page(title: string, links: string[], key: Uint8Array): Promise<string> {
  const seal = await new SignJWT({ title }).setProtectedHeader({ alg: "HS256" }).sign(key);
  const list = links.map((link) => `<li><a href="${link}">${link}</a></li>`).join("\n");
  return `<!doctype html>\n<title>${title}</title>\n<meta name="seal" content="${seal}">\n<ul>\n${list}\n</ul>\n`;
}

/** The time that the server takes: 20 to 40 ms for a list, 60 to 180 ms for a tea. */
function delayOf(path: string): number {
  let mix = 0;
  for (const char of path) mix = (mix * 31 + char.charCodeAt(0)) % 997;
  return path.lastIndexOf("/") > 0 ? 60 + mix % 121 : 20 + mix % 21;
}
